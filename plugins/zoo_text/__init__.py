"""First-party plugin: texts; word counts, word ids and word pieces, three bases, augmentations."""
