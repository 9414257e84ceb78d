"""The CTI server: `domain` decides, `engine` remembers, the rest is edge."""
