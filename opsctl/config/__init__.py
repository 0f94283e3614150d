"""`environments.yaml` becomes a frozen `Environment`: parsed, merged with defaults, every rule checked.

Nothing here knows AWS clients, templates or the terminal.
"""
