"""The 24 major and minor keys, as weights of pitch classes. NumPy only.

Source: the probe-tone ratings of Krumhansl & Kessler, Psychological Review 89, 1982.
"""

import numpy as np

PITCH_CLASSES = 12
# How well each pitch class above the tonic fits a key.
MAJOR_PROFILE = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
MINOR_PROFILE = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
# (24, 12), how well each pitch class from C on fits the keys C major to B major and C minor to B minor.
KEY_PROFILES = np.array([np.roll(profile, tonic) for profile in (MAJOR_PROFILE, MINOR_PROFILE) for tonic in range(PITCH_CLASSES)])
