"""Configuration and templates become a plan, the plan becomes stacks.

`planning` reads and never writes; `deployment` does what the plan says and prints nothing; what a person sees comes
from the events of `events`.
"""
