"""`cti simulate`: customers (SIPp), agents' phones (SIPp) and agents' programs against a running centre.

What they did is told by each of them and compared with what the centre's own log and reports say.
"""
