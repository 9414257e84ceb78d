"""What each signal does to the world, one file per matter."""
