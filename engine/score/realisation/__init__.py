"""What is written in a score and stands for other notes or other times: ornaments, tremolos, swing."""
