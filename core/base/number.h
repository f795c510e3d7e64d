/* SPDX-License-Identifier: MIT */
/* Elementary functions whose bits do not depend on the C library or processor:
 * plain +, -, *, / in double-double, error below one ulp. */
#ifndef DESCENT_BASE_NUMBER_H
#define DESCENT_BASE_NUMBER_H

double number_exp(double x);
double number_log(double x);
double number_pow(double x, double y);
double number_cos(double x);

#endif
