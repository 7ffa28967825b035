"""Finding stops: how names are compared, and what of them is stored to be searched."""
