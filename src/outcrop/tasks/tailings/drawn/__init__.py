"""Made-up scenes with deposits whose truth is exactly known; shares no code with what measures."""
