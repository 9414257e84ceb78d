"""Messages to customers: e-mail by SMTP, SMS by a provider's HTTP interface, each sent once.

`Dispatcher` takes what the store keeps as waiting; `smtp` and `sms` are the ways out.
"""
