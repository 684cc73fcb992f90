"""The studio: one file per page."""
