"""Monitors: where programs (QMP) and people (HMP) ask the machine questions and tell it what to do."""
