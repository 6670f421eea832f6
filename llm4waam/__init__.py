"""BERT and RoBERTa on process records of wire arc additive manufacturing."""
