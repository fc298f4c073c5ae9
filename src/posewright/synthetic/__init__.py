"""Animals with exact truth: seeded recordings of articulated bodies that walk, cross and hide, as videos and labels.

``spec`` says what to make, ``animal`` how a body is built, ``individual`` what marks it, ``silhouette`` which points it
covers, ``motion`` how animals walk, ``scene`` what is where and what hides what, ``render`` draws it, and ``dataset``
writes videos, labels, truth and the sheet. Nothing here learns, and nothing else in the package depends on it.
"""
