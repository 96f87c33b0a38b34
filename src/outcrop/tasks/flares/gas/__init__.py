"""From a flame to gas and emissions: composition, heat release, flow, masses, site calibration, regulators' forms.

    flame length  →  heat release, MW  →  gas flow, thousand m³/day  →  CO2, CH4, N2O, soot
      heat, jet         composition            flow                       emissions

``assumptions`` holds every number from outside the picture, ``estimate`` runs the chain draw by draw and says which
assumption costs how much, ``calibration`` replaces physics by a site's own meter, ``forms`` writes what regulators ask.
"""
