package main

func (x *examination) writeCards(string, *report) error { return nil }
