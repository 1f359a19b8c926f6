"""Tables: a CSV file that names or holds an example in every line and says what is true of it."""

from zoo.data.tables.csv_files import from_csv
from zoo.data.tables.others import modality_of_table
from zoo.data.tables.reading import is_table

__all__ = ["from_csv", "is_table", "modality_of_table"]
