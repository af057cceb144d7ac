# What make-msi puts into the MSI besides what wixl makes of stampede.wxs: one
# statement a line.

# ---- The configuration: 64-bit (256), never overwritten (128), never removed
# (16); not where the administrator brings his own.
UPDATE `Component` SET `Attributes`=400 WHERE `Component`='cConfig'
UPDATE `Component` SET `Condition`='NOT CONFIGFILE' WHERE `Component`='cConfig'

# ---- What wixl does not say, or says wrongly. Without a version the old program
# would win over the new one (file versioning rules).
UPDATE `File` SET `Version`='@VERSION@.0', `Language`='1033' WHERE `File`='fProgram'
UPDATE `Registry` SET `Key`='SOFTWARE\Stampede' WHERE `Key`='SOFTWARE\Stampede\'
UPDATE `Registry` SET `Key`='SYSTEM\CurrentControlSet\Services\EventLog\Application\stampede' WHERE `Key`='SYSTEM\CurrentControlSet\Services\EventLog\Application\stampede\'
# The old version goes within the transaction: a failure brings it back.
UPDATE `InstallExecuteSequence` SET `Sequence`=1501 WHERE `Action`='RemoveExistingProducts'
# Two installers in one folder would take each other's files away.
INSERT INTO `LaunchCondition` (`Condition`,`Description`) VALUES ('Installed OR NOT INSTALLERKIND="setup"','Stampede was installed by its setup program. Upgrade it with one, or uninstall it first.')
# Administrators' properties reach the part that runs with full rights.
UPDATE `Property` SET `Value`='WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED;INSTALLDIR;REFLECTOR;LISTEN;LISTENPORT;ALLOW;METRICS;METRICSLISTEN;CONFIGFILE;PURGE' WHERE `Property`='SecureCustomProperties'
INSERT INTO `Directory` (`Directory`,`Directory_Parent`,`DefaultDir`) VALUES ('System64Folder','TARGETDIR','.')

# ---- What properties write into the configuration: components that stay (16 + 256).
INSERT INTO `Component` (`Component`,`ComponentId`,`Directory_`,`Attributes`,`Condition`,`KeyPath`) VALUES ('cReflectorOn','{5D0F4B7B-5B39-4C0B-8D07-9E7A4F0F3C11}','DATADIR',272,'REFLECTOR="1"','')
INSERT INTO `Component` (`Component`,`ComponentId`,`Directory_`,`Attributes`,`Condition`,`KeyPath`) VALUES ('cReflectorOff','{5D0F4B7B-5B39-4C0B-8D07-9E7A4F0F3C12}','DATADIR',272,'REFLECTOR="0"','')
INSERT INTO `Component` (`Component`,`ComponentId`,`Directory_`,`Attributes`,`Condition`,`KeyPath`) VALUES ('cListen','{5D0F4B7B-5B39-4C0B-8D07-9E7A4F0F3C13}','DATADIR',272,'LISTEN','')
INSERT INTO `Component` (`Component`,`ComponentId`,`Directory_`,`Attributes`,`Condition`,`KeyPath`) VALUES ('cListenPort','{5D0F4B7B-5B39-4C0B-8D07-9E7A4F0F3C14}','DATADIR',272,'LISTENPORT AND NOT LISTEN','')
INSERT INTO `Component` (`Component`,`ComponentId`,`Directory_`,`Attributes`,`Condition`,`KeyPath`) VALUES ('cAllow','{5D0F4B7B-5B39-4C0B-8D07-9E7A4F0F3C15}','DATADIR',272,'ALLOW','')
INSERT INTO `Component` (`Component`,`ComponentId`,`Directory_`,`Attributes`,`Condition`,`KeyPath`) VALUES ('cMetricsOn','{5D0F4B7B-5B39-4C0B-8D07-9E7A4F0F3C16}','DATADIR',272,'METRICS="1"','')
INSERT INTO `Component` (`Component`,`ComponentId`,`Directory_`,`Attributes`,`Condition`,`KeyPath`) VALUES ('cMetricsOff','{5D0F4B7B-5B39-4C0B-8D07-9E7A4F0F3C17}','DATADIR',272,'METRICS="0"','')
INSERT INTO `Component` (`Component`,`ComponentId`,`Directory_`,`Attributes`,`Condition`,`KeyPath`) VALUES ('cMetricsListen','{5D0F4B7B-5B39-4C0B-8D07-9E7A4F0F3C18}','DATADIR',272,'METRICSLISTEN','')
INSERT INTO `FeatureComponents` (`Feature_`,`Component_`) VALUES ('Main','cReflectorOn')
INSERT INTO `FeatureComponents` (`Feature_`,`Component_`) VALUES ('Main','cReflectorOff')
INSERT INTO `FeatureComponents` (`Feature_`,`Component_`) VALUES ('Main','cListen')
INSERT INTO `FeatureComponents` (`Feature_`,`Component_`) VALUES ('Main','cListenPort')
INSERT INTO `FeatureComponents` (`Feature_`,`Component_`) VALUES ('Main','cAllow')
INSERT INTO `FeatureComponents` (`Feature_`,`Component_`) VALUES ('Main','cMetricsOn')
INSERT INTO `FeatureComponents` (`Feature_`,`Component_`) VALUES ('Main','cMetricsOff')
INSERT INTO `FeatureComponents` (`Feature_`,`Component_`) VALUES ('Main','cMetricsListen')
CREATE TABLE `IniFile` (`IniFile` CHAR(72) NOT NULL, `FileName` CHAR(255) NOT NULL LOCALIZABLE, `DirProperty` CHAR(72), `Section` CHAR(96) NOT NULL LOCALIZABLE, `Key` CHAR(128) NOT NULL LOCALIZABLE, `Value` CHAR(255) NOT NULL LOCALIZABLE, `Action` SHORT NOT NULL, `Component_` CHAR(72) NOT NULL PRIMARY KEY `IniFile`)
INSERT INTO `IniFile` (`IniFile`,`FileName`,`DirProperty`,`Section`,`Key`,`Value`,`Action`,`Component_`) VALUES ('iReflectorOn','stampede.ini','DATADIR','reflector','enabled','yes',0,'cReflectorOn')
INSERT INTO `IniFile` (`IniFile`,`FileName`,`DirProperty`,`Section`,`Key`,`Value`,`Action`,`Component_`) VALUES ('iReflectorOff','stampede.ini','DATADIR','reflector','enabled','no',0,'cReflectorOff')
INSERT INTO `IniFile` (`IniFile`,`FileName`,`DirProperty`,`Section`,`Key`,`Value`,`Action`,`Component_`) VALUES ('iListen','stampede.ini','DATADIR','reflector','listen','[LISTEN]',0,'cListen')
INSERT INTO `IniFile` (`IniFile`,`FileName`,`DirProperty`,`Section`,`Key`,`Value`,`Action`,`Component_`) VALUES ('iListenPort','stampede.ini','DATADIR','reflector','listen','0.0.0.0:[LISTENPORT], [\[]::[\]]:[LISTENPORT]',0,'cListenPort')
INSERT INTO `IniFile` (`IniFile`,`FileName`,`DirProperty`,`Section`,`Key`,`Value`,`Action`,`Component_`) VALUES ('iAllow','stampede.ini','DATADIR','reflector','allow','[ALLOW]',0,'cAllow')
INSERT INTO `IniFile` (`IniFile`,`FileName`,`DirProperty`,`Section`,`Key`,`Value`,`Action`,`Component_`) VALUES ('iMetricsOn','stampede.ini','DATADIR','metrics','enabled','yes',0,'cMetricsOn')
INSERT INTO `IniFile` (`IniFile`,`FileName`,`DirProperty`,`Section`,`Key`,`Value`,`Action`,`Component_`) VALUES ('iMetricsOff','stampede.ini','DATADIR','metrics','enabled','no',0,'cMetricsOff')
INSERT INTO `IniFile` (`IniFile`,`FileName`,`DirProperty`,`Section`,`Key`,`Value`,`Action`,`Component_`) VALUES ('iMetricsListen','stampede.ini','DATADIR','metrics','listen','[METRICSLISTEN]',0,'cMetricsListen')
INSERT INTO `InstallExecuteSequence` (`Action`,`Condition`,`Sequence`) VALUES ('WriteIniValues','',5100)

# ---- PATH of the system: our folder behind (-: leave at removal, *: of the machine).
CREATE TABLE `Environment` (`Environment` CHAR(72) NOT NULL, `Name` CHAR(255) NOT NULL LOCALIZABLE, `Value` CHAR(255) LOCALIZABLE, `Component_` CHAR(72) NOT NULL PRIMARY KEY `Environment`)
INSERT INTO `Environment` (`Environment`,`Name`,`Value`,`Component_`) VALUES ('path','=-*PATH','[~];[INSTALLDIR]','cProgram')
INSERT INTO `InstallExecuteSequence` (`Action`,`Condition`,`Sequence`) VALUES ('RemoveEnvironmentStrings','',3300)
INSERT INTO `InstallExecuteSequence` (`Action`,`Condition`,`Sequence`) VALUES ('WriteEnvironmentStrings','',5200)

# ---- Programs that run with full rights (deferred 1024 + system 2048): ours (18)
# and Windows' (34). 64: what it answers is not waited upon; 256: on the way back.
# 512: once all is done. The configuration is kept until then, and put back after a failure.
INSERT INTO `CustomAction` (`Action`,`Type`,`Source`,`Target`) VALUES ('caKeepBack',3426,'System64Folder','"[System64Folder]cmd.exe" /c if exist "[DATADIR]stampede.ini.old" move /y "[DATADIR]stampede.ini.old" "[DATADIR]stampede.ini"')
INSERT INTO `CustomAction` (`Action`,`Type`,`Source`,`Target`) VALUES ('caKeepDone',3682,'System64Folder','"[System64Folder]cmd.exe" /c if exist "[DATADIR]stampede.ini.old" del "[DATADIR]stampede.ini.old"')
INSERT INTO `CustomAction` (`Action`,`Type`,`Source`,`Target`) VALUES ('caKeep',3106,'System64Folder','"[System64Folder]cmd.exe" /c if exist "[DATADIR]stampede.ini" copy /y "[DATADIR]stampede.ini" "[DATADIR]stampede.ini.old"')
INSERT INTO `InstallExecuteSequence` (`Action`,`Condition`,`Sequence`) VALUES ('caKeepBack','NOT REMOVE="ALL"',3960)
INSERT INTO `InstallExecuteSequence` (`Action`,`Condition`,`Sequence`) VALUES ('caKeepDone','NOT REMOVE="ALL"',3970)
INSERT INTO `InstallExecuteSequence` (`Action`,`Condition`,`Sequence`) VALUES ('caKeep','NOT REMOVE="ALL"',3980)
# A configuration brought along is checked before it takes the place of another.
INSERT INTO `CustomAction` (`Action`,`Type`,`Source`,`Target`) VALUES ('caCheckFile',3090,'fProgram','config check "[CONFIGFILE]"')
INSERT INTO `CustomAction` (`Action`,`Type`,`Source`,`Target`) VALUES ('caTakeFile',3106,'System64Folder','"[System64Folder]cmd.exe" /c copy /y "[CONFIGFILE]" "[DATADIR]stampede.ini"')
INSERT INTO `CustomAction` (`Action`,`Type`,`Source`,`Target`) VALUES ('caCheckAll',3090,'fProgram','config check "[DATADIR]stampede.ini"')
INSERT INTO `CustomAction` (`Action`,`Type`,`Source`,`Target`) VALUES ('caService',3090,'fProgram','service install')
# It waits for the end of the process, whose program could not be replaced before.
INSERT INTO `CustomAction` (`Action`,`Type`,`Source`,`Target`) VALUES ('caStop',3154,'fProgram','service stop')
INSERT INTO `InstallExecuteSequence` (`Action`,`Condition`,`Sequence`) VALUES ('caStop','Installed',1890)
INSERT INTO `CustomAction` (`Action`,`Type`,`Source`,`Target`) VALUES ('caFirewallBack',3426,'System64Folder','"[System64Folder]netsh.exe" advfirewall firewall delete rule name="Stampede reflector"')
INSERT INTO `CustomAction` (`Action`,`Type`,`Source`,`Target`) VALUES ('caFirewallOff',3170,'System64Folder','"[System64Folder]netsh.exe" advfirewall firewall delete rule name="Stampede reflector"')
INSERT INTO `CustomAction` (`Action`,`Type`,`Source`,`Target`) VALUES ('caFirewallOn',3106,'System64Folder','"[System64Folder]netsh.exe" advfirewall firewall add rule name="Stampede reflector" dir=in action=allow protocol=udp program="[INSTALLDIR]stampede.exe"')
INSERT INTO `CustomAction` (`Action`,`Type`,`Source`,`Target`) VALUES ('caPurge',3170,'System64Folder','"[System64Folder]cmd.exe" /c rmdir /s /q "[DATADIR]."')
INSERT INTO `InstallExecuteSequence` (`Action`,`Condition`,`Sequence`) VALUES ('caCheckFile','CONFIGFILE AND NOT REMOVE="ALL"',4010)
INSERT INTO `InstallExecuteSequence` (`Action`,`Condition`,`Sequence`) VALUES ('caTakeFile','CONFIGFILE AND NOT REMOVE="ALL"',4020)
INSERT INTO `InstallExecuteSequence` (`Action`,`Condition`,`Sequence`) VALUES ('caCheckAll','NOT REMOVE="ALL"',5110)
INSERT INTO `InstallExecuteSequence` (`Action`,`Condition`,`Sequence`) VALUES ('caService','NOT REMOVE="ALL"',5810)
INSERT INTO `InstallExecuteSequence` (`Action`,`Condition`,`Sequence`) VALUES ('caFirewallBack','REFLECTOR="1" AND NOT REMOVE="ALL"',5820)
INSERT INTO `InstallExecuteSequence` (`Action`,`Condition`,`Sequence`) VALUES ('caFirewallOff','REFLECTOR OR (REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE)',5830)
INSERT INTO `InstallExecuteSequence` (`Action`,`Condition`,`Sequence`) VALUES ('caFirewallOn','REFLECTOR="1" AND NOT REMOVE="ALL"',5840)
INSERT INTO `InstallExecuteSequence` (`Action`,`Condition`,`Sequence`) VALUES ('caPurge','REMOVE="ALL" AND PURGE="1" AND NOT UPGRADINGPRODUCTCODE',5850)
