"""The JSON API: parameters in, bytes out. Figures come from the selectors."""
