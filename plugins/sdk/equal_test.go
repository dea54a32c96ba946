package sdk

import "reflect"

// equal compares values of the contract, which hold slices.
func equal(a, b any) bool { return reflect.DeepEqual(a, b) }
