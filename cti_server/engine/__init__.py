"""The spine: signals go through the journal into the world, and what follows goes out.

One leader at a time (a lease with a term), snapshots, timers, command dedupe, mailboxes for resuming clients.
"""
