"""The families of models, one folder each: what is special to a family stands in its folder and nowhere else.

Its `__init__` declares `FAMILY`, a `backends.api.families.Family`, and loads no model library.
"""
