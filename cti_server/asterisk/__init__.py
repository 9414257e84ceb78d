"""Asterisk at the edge: AMI and FastAGI codecs and links, facts in (`translate`), effects out (`call_control`)."""
