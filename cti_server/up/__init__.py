"""`cti up`: a whole centre on one machine, in front, from nothing; ends without a trace."""
