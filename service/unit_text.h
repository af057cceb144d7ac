/*
 * installer/stampede.service, which the build puts into the program.
 */
#ifndef SPD_SERVICE_UNIT_TEXT_H
#define SPD_SERVICE_UNIT_TEXT_H

extern const char spd_unit_text[];

#endif
