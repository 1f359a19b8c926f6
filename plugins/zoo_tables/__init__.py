"""Tables: rows of numbers, categories and dates, and a network that learns from them beside its yardsticks."""
