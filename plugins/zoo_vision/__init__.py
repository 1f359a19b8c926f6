"""First-party plugin: generic heads, image folders, and core augmentations for images."""
