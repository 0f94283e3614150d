"""What an environment costs a month, from its templates and a dated table of prices. Pure: no AWS, no clock.

`scene.py` is what is there; `rules.py` says by type what of it is billed and how much, `free.py` what is not;
`prices.py` has unit prices, `estimate.py` the sum, `difference.py` two sums compared, `offers.py` what the Price List
API says.
"""
