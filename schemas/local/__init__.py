"""`stopcast up`: the processes of production, on one machine, with databases of its own."""
