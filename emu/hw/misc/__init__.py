"""Small devices without a family: test finisher, loader."""
