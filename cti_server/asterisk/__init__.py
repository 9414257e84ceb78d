"""Asterisk at the edge: AMI and FastAGI, facts in (`translate`), effects out (`call_control`)."""
