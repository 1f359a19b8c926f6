"""Plugin zoo_classics: the data sets every course begins with."""
