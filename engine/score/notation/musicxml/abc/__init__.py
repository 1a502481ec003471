"""ABC, written as MusicXML: then both readers take it. verovio's own reader knows neither voices nor voltas."""
