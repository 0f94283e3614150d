"""Pieces that several stacks share."""
