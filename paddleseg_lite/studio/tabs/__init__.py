"""The tabs of the page: components and which function of the room each event calls. Nothing is computed here."""
