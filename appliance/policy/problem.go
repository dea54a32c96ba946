package policy

import "skerry/appliance/source"

// Problem is something wrong with a policy document.
type Problem = source.Problem

// Problems is the error of [Parse]: what is wrong, in the order of the document.
type Problems = source.Problems
