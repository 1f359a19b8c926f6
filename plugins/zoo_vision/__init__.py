"""First-party plugin: generic heads, image folders, core augmentations for images, and the named recipes."""
