"""What people see of a plan, of a failure while and after it happens, and of a status: as text, in two widths.

The files here are to be looked at when they change; `python -m tests.golden.screens` writes them.
"""
