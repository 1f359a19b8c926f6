"""First-party plugin: sounds; their reader, log-mel in the graph, a pretrained speech embedding, augmentations."""
