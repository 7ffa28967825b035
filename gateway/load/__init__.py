"""`stopcast load`: many clients of a deployment in one process, which hold it to its protocol."""
