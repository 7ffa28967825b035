"""Named `v0001_what.py`; each revision says only which one it follows and its SQL."""
