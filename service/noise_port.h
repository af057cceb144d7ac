/*
 * The port where noise goes to when none is given.
 */
#ifndef SPD_SERVICE_NOISE_PORT_H
#define SPD_SERVICE_NOISE_PORT_H

#define SPD_NOISE_DEFAULT_PORT 8862

#endif
