"""The rows, one module an area. Each row is a `Control`; `rows.py` lists the ids that they must cover."""
