"""The web door: the verbs of the command line over HTTP, with a durable job table and a page.

``app.create`` makes the application, ``settings.Settings`` says what it may use, ``worker`` does what takes longer.
"""
