"""What an outlined flame or plume looks like, in numbers; and how large a pixel is.

Pixels become numbers in linear light and in square pixels only. Metres come in through ``scale`` alone.
"""
