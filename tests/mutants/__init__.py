"""Our own code with one thing broken on purpose: the tests that must notice, and whether they do."""
