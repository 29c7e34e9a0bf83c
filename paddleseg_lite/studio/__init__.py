"""The studio: networks seen, compared and questioned in a browser (``paddleseg-lite studio``).

    library     which runs, deployments, studies and reports lie in the folders given, and nothing outside them
    uploads     what comes from a browser, held to its limits
    networks    loaded networks, a few at a time, and the one thread that computes
    tries       a picture segmented: overlay, areas, confidence, files to take away
    compares    two networks on a picture; the worst pictures of a report
    insides     a pixel questioned: probabilities, receptive field, bins and branches of a pyramid
    reasoning   the nodes of a graph unit or the places of an attention, and what happens without one of them
    trains      trainings watched and started, one at a time
    runs        tables, curves, confusion matrices; studies
    texts       what the page says, in English and Chinese
    page        the page itself, and only that: all of the above works and is tested without it

May import: every room but cli. Only ``page``, its ``tabs`` and ``serving`` need Gradio
(requirements-studio.txt). A new tab is a module of pure functions here and one in ``tabs``.
"""
