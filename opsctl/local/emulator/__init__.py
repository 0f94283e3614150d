"""The emulator's process: ministack, what is added to it and corrected in it, and what keeps it alive for weeks.

Knows the tasks and databases that it hands out by their modules here alone; nothing of environments or templates.
"""
