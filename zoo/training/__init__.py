"""Training: a Trainer carries out the phases of a recipe; freezing is proven by receipts; runs can be killed."""
