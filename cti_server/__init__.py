"""The CTI server: joins Asterisk to the agents' seats. `domain` decides, `engine` remembers, the rest is edge."""
