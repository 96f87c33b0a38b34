"""The audit: measured deposits against a register of dams."""
