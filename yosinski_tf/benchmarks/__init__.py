"""How fast the program is, against what it could be and what it replaces."""
